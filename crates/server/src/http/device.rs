//! What a device is called in the list of one's sessions, by the `User-Agent` it came with.
//!
//! Browsers all call themselves by each other's names; people know theirs as "Firefox on Linux". Everything else is
//! shown as it is, shortened. It is told to the account's owner alone, decides nothing, and is not logged.

/// Longest that is kept, in characters.
const MAX: usize = 200;

/// What a browser's `User-Agent` has in it, and what people call it; the first that fits, since the later ones' words
/// stand in the earlier ones' too.
const BROWSERS: [(&str, &str); 10] = [
    ("Edg", "Edge"),
    ("OPR/", "Opera"),
    ("Vivaldi/", "Vivaldi"),
    ("SamsungBrowser/", "Samsung Internet"),
    ("FxiOS/", "Firefox"),
    ("Firefox/", "Firefox"),
    ("CriOS/", "Chrome"),
    ("Chromium/", "Chromium"),
    ("Chrome/", "Chrome"),
    ("Safari/", "Safari"),
];
const SYSTEMS: [(&str, &str); 7] = [
    ("iPhone", "iPhone"),
    ("iPad", "iPad"),
    ("Android", "Android"),
    ("Windows", "Windows"),
    ("CrOS", "ChromeOS"),
    ("Mac OS X", "macOS"),
    ("Linux", "Linux"),
];

/// "Firefox on Linux"; for no browser its own words, at most 200 characters; empty for one that says nothing.
pub(super) fn named(user_agent: &str) -> String {
    let first = |names: &[(&str, &'static str)]| {
        names.iter().find(|(word, _)| user_agent.contains(word)).map(|(_, name)| *name)
    };
    if user_agent.starts_with("Mozilla/")
        && let Some(browser) = first(&BROWSERS)
    {
        return first(&SYSTEMS).map_or_else(|| browser.to_owned(), |system| format!("{browser} on {system}"));
    }
    user_agent.chars().filter(|c| !c.is_control()).take(MAX).collect()
}

#[cfg(test)]
mod tests {
    use super::named;

    #[test]
    fn browsers_are_called_as_people_call_them() {
        for (agent, name) in [
            ("Mozilla/5.0 (X11; Linux x86_64; rv:140.0) Gecko/20100101 Firefox/140.0", "Firefox on Linux"),
            (
                "Mozilla/5.0 (Windows NT 10.0; Win64; x64) AppleWebKit/537.36 (KHTML, like Gecko) \
                 Chrome/140.0.0.0 Safari/537.36 Edg/140.0.0.0",
                "Edge on Windows",
            ),
            (
                "Mozilla/5.0 (Linux; Android 16) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/140.0.0.0 \
                 Mobile Safari/537.36",
                "Chrome on Android",
            ),
            (
                "Mozilla/5.0 (iPhone; CPU iPhone OS 19_0 like Mac OS X) AppleWebKit/605.1.15 (KHTML, like \
                 Gecko) Version/19.0 Mobile/15E148 Safari/604.1",
                "Safari on iPhone",
            ),
            ("Mozilla/5.0 (Unheard Of) Chrome/1", "Chrome"),
            ("curl/8.9", "curl/8.9"),
            ("", ""),
        ] {
            assert_eq!(named(agent), name);
        }
    }

    #[test]
    fn others_are_shortened() {
        assert_eq!(named(&"ж".repeat(500)).chars().count(), 200);
        assert_eq!(named("a\u{1b}[31m\tb"), "a[31mb");
    }
}
