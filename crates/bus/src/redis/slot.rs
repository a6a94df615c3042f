//! Which slot of a Redis Cluster, and which of several servers, a channel belongs to.

use xxhash_rust::xxh64::xxh64;

/// Slots of a Redis Cluster.
pub(crate) const SLOTS: u16 = 16_384;

/// The slot of a channel: CRC16 (XMODEM) of its name, or of the hash tag in it, modulo 16384
/// ([cluster specification](https://redis.io/docs/latest/operate/oss_and_stack/reference/cluster-spec/)).
pub(crate) fn slot(name: &str) -> u16 {
    let bytes = name.as_bytes();
    let tag = bytes.iter().position(|byte| *byte == b'{').and_then(|open| {
        let rest = &bytes[open + 1..];
        let close = rest.iter().position(|byte| *byte == b'}')?;
        (close > 0).then(|| &rest[..close])
    });
    crc16(tag.unwrap_or(bytes)) % SLOTS
}

fn crc16(bytes: &[u8]) -> u16 {
    bytes.iter().fold(0, |crc: u16, byte| {
        (0..8).fold(crc ^ (u16::from(*byte) << 8), |crc, _| {
            if crc & 0x8000 == 0 { crc << 1 } else { (crc << 1) ^ 0x1021 }
        })
    })
}

/// A shard's part in the rendezvous: a hash of its name.
pub(crate) fn weight_of(shard: &str) -> u64 {
    xxh64(shard.as_bytes(), 0)
}

/// The shard that carries a channel, by rendezvous hashing: the one with the highest hash. A shard more, or one less,
/// moves only the channels that it gets, or had.
pub(crate) fn rendezvous(weights: &[u64], name: &str) -> usize {
    let score = |weight: u64| xxh64(name.as_bytes(), weight);
    (0..weights.len()).max_by_key(|shard| score(weights[*shard])).unwrap_or_default()
}

/// Which of several connections carries a channel.
pub(crate) fn lane(lanes: usize, name: &str) -> usize {
    if lanes < 2 {
        return 0;
    }
    let lane = xxh64(name.as_bytes(), 0) % lanes as u64;
    usize::try_from(lane).unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn slots_are_those_that_redis_computes() {
        // As CLUSTER KEYSLOT answers.
        for (name, expected) in [
            ("foo", 12_182),
            ("bar", 5_061),
            ("123456789", 12_739),
            ("{user1000}.following", 3_443),
            ("{user1000}.followers", 3_443),
            ("foo{}{bar}", 8_363),
            ("foo{bar", 15_278),
        ] {
            assert_eq!(slot(name), expected, "{name}");
        }
        assert_eq!(slot("foo{{bar}}zap"), slot("{bar"));
    }

    #[test]
    fn a_shard_more_takes_its_part_and_moves_nothing_else() {
        assert_eq!(xxh64(b"", 0), 0xEF46_DB37_51D8_E999);
        let names = ["one:6379", "two:6379", "three:6379"].map(weight_of);
        let mut moved = 0;
        let mut counts = [0; 3];
        for number in 0..3_000 {
            let channel = format!("room:{number}");
            let (before, after) = (rendezvous(&names[..2], &channel), rendezvous(&names, &channel));
            counts[after] += 1;
            if before != after {
                moved += 1;
                assert_eq!(after, 2);
            }
        }
        assert_eq!(moved, counts[2]);
        assert!(counts.iter().all(|count| (900..1_100).contains(count)), "{counts:?}");
    }
}
