//! How far somebody has read. Readers come in crowds, so their positions share transactions as messages do, in
//! a queue of their own.

use crate::{
    Chat, Settings, Tasks, blocks,
    log::{about_room, is_direct, read_seq, refused},
    told,
    words::{rows, words},
};
use plaza_protocol::{Code, Error, MarkRead, Position, RoomId, Seq, UserId};
use plaza_store::{Batch, Queue, QueueOptions, Store, StoreError, Subject, WriteTx, group_commit};
use sqlx::Row;
use std::collections::{HashMap, HashSet};
use tokio_util::sync::CancellationToken;

/// Most positions in one transaction.
const MAX_BATCH: usize = 1_024;

/// Where somebody stands after `room:read`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Marked {
    /// The position that now holds.
    pub position: Position,
    /// Whether this request moved it, so that the user's other connections want to know.
    pub moved: bool,
    /// Whether its other members are told: the room is small enough, and not one of two of whom one has blocked the other.
    pub shared: bool,
}

pub(crate) type ReadQueue = Queue<ReadBatch>;

/// Starts the task.
pub(crate) fn start(
    store: &Store,
    settings: &Settings,
    shutdown: CancellationToken,
    tasks: &Tasks,
) -> ReadQueue {
    let options = QueueOptions {
        capacity: settings.read_queue as usize,
        max_batch: MAX_BATCH,
        apart: settings.commits_apart(),
    };
    let (queue, task) = group_commit(
        store.clone(),
        ReadBatch { shared_up_to: settings.receipts_room_size.into() },
        options,
        shutdown,
    );
    tasks.spawn("read positions", task);
    queue
}

impl Chat {
    /// Moves the user's read position forward, never back.
    ///
    /// # Errors
    /// `not_found` for one who is no member, `bad_request` for a position above the room's top.
    pub async fn mark_read(&self, user: &UserId, request: MarkRead) -> Result<Marked, Error> {
        let job = ReadJob { room: request.room_id, user: user.clone(), seq: request.seq };
        let answer = self.inner.reads.push_by(job, self.deadline).map_err(refused)?;
        answer.await.unwrap_or_else(|_| {
            Err(Error::new(Code::Internal, "The server lost track of this request. Send it again."))
        })
    }
}

/// One wish to move a position.
pub(crate) struct ReadJob {
    room: RoomId,
    user: UserId,
    seq: Seq,
}

impl ReadJob {
    pub(crate) fn new(room: RoomId, user: UserId, seq: Seq) -> Self {
        Self { room, user, seq }
    }
}

/// Runs batches of them.
pub(crate) struct ReadBatch {
    /// Members of a room up to which they are told of each other's positions.
    shared_up_to: u64,
}

struct Standing {
    top: Seq,
    read: Seq,
    own: u64,
    own_seq: Seq,
    members: u64,
    moved: bool,
}

impl Batch for ReadBatch {
    type Job = ReadJob;
    type Answer = Result<Marked, Error>;
    type Effect = ();

    /// The rooms: else a member could leave meanwhile, or what was read be cut.
    async fn subjects(&mut self, _: &Store, jobs: Vec<&ReadJob>) -> Result<Vec<Subject>, StoreError> {
        Ok(jobs.into_iter().map(|job| about_room(&job.room)).collect())
    }

    async fn run(
        &mut self,
        tx: &mut WriteTx,
        jobs: Vec<ReadJob>,
    ) -> Result<(Vec<Self::Answer>, ()), StoreError> {
        let pairs: Vec<_> = jobs.iter().map(|job| (&job.room, &job.user)).collect();
        let found = sqlx::query(words(tx).memberships).bind(rows(&pairs)?).fetch_all(&mut **tx).await?;
        let mut standings = HashMap::new();
        for row in &found {
            let (top, read) = (read_seq(row, 1)?, read_seq(row, 3)?);
            let (own, own_seq, members) = (read_seq(row, 4)?, read_seq(row, 5)?, read_seq(row, 6)?);
            let standing = Standing { top, read, own, own_seq, members, moved: false };
            standings.insert(pairs[row.try_get::<i64, _>(0)? as usize], standing);
        }
        let parted = parted(tx, &pairs).await?;
        let answers = jobs
            .iter()
            .enumerate()
            .map(|(at, job)| {
                let standing = standings.get_mut(&(&job.room, &job.user)).ok_or_else(Error::no_such_room)?;
                if job.seq > standing.top {
                    return Err(Error::bad_request(format!(
                        "Position {} is above the room's newest event, {}.",
                        job.seq, standing.top
                    )));
                }
                let moved = job.seq > standing.read;
                standing.moved |= moved;
                standing.read = standing.read.max(job.seq);
                let shared = standing.members <= self.shared_up_to && !parted.contains(&at);
                Ok(Marked { position: Position { seq: standing.read }, moved, shared })
            })
            .collect();
        standings.retain(|_, standing| standing.moved);
        own_up_to(tx, &mut standings).await?;
        let raised: Vec<_> =
            standings.iter().map(|((room, user), to)| (room, user, to.read, to.own)).collect();
        if !raised.is_empty() {
            sqlx::query(words(tx).raise_read).bind(rows(&raised)?).execute(&mut **tx).await?;
        }
        Ok((answers, ()))
    }

    fn failed(&self, error: &StoreError) -> Self::Answer {
        Err(told(error))
    }

    async fn committed(&mut self, (): ()) {}
}

/// Those of them, by their places, that are in direct rooms where one has blocked the other.
async fn parted(tx: &mut WriteTx, pairs: &[(&RoomId, &UserId)]) -> Result<HashSet<usize>, StoreError> {
    let mut direct = Vec::new();
    let mut places = Vec::new();
    for (at, pair) in pairs.iter().enumerate().filter(|(_, (room, _))| is_direct(room)) {
        direct.push(*pair);
        places.push(at);
    }
    Ok(blocks::parted(tx, &direct).await?.into_iter().map(|place| places[place]).collect())
}

/// Counts, for those who have written above the position they now have read to, what they wrote up to there.
async fn own_up_to(
    tx: &mut WriteTx,
    standings: &mut HashMap<(&RoomId, &UserId), Standing>,
) -> Result<(), StoreError> {
    let (mut wanted, mut counted) = (Vec::new(), Vec::new());
    for ((room, user), standing) in standings.iter_mut().filter(|(_, to)| to.read < to.own_seq) {
        wanted.push((room, user, standing.read));
        standing.own = 0;
        counted.push(&mut standing.own);
    }
    if wanted.is_empty() {
        return Ok(());
    }
    let found = sqlx::query(words(tx).own_up_to).bind(rows(&wanted)?).fetch_all(&mut **tx).await?;
    for row in &found {
        *counted[row.try_get::<i64, _>(0)? as usize] = read_seq(row, 1)?;
    }
    Ok(())
}
