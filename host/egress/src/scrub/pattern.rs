//! One needle and the ways in which a response may spell it.

/// What a look at one place of the text says.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Match {
    /// The needle is here and ends before this index, as far as the text goes.
    pub(crate) until: Option<usize>,
    /// More text could make a match here, or a longer one.
    pub(crate) undecided: bool,
}

impl Match {
    const NO: Self = Self {
        until: None,
        undecided: false,
    };
    const UNDECIDED: Self = Self {
        until: None,
        undecided: true,
    };
}

/// Whether an escape spells a byte.
enum Escape {
    Yes(usize),
    No,
    Undecided,
}

/// Bytes to look for.
///
/// An *encoded* pattern also matches when any of its bytes is written as `%41` (URL), `\u0041` or `\/` (JSON), in any
/// mixture and either case of hexadecimal, and a space as `+`.
pub(crate) struct Pattern {
    bytes: zeroize::Zeroizing<Vec<u8>>,
    encoded: bool,
}

/// The longest spelling of one byte: `\u0041`.
const LONGEST_SPELLING: usize = 6;

impl Pattern {
    pub(crate) fn encoded(bytes: &[u8]) -> Self {
        Self {
            bytes: zeroize::Zeroizing::new(bytes.to_vec()),
            encoded: true,
        }
    }

    pub(crate) fn literal(bytes: &[u8]) -> Self {
        Self {
            bytes: zeroize::Zeroizing::new(bytes.to_vec()),
            encoded: false,
        }
    }

    pub(crate) fn bytes(&self) -> &[u8] {
        &self.bytes
    }

    /// The longest text that can match.
    pub(crate) fn longest(&self) -> usize {
        self.bytes.len() * if self.encoded { LONGEST_SPELLING } else { 1 }
    }

    /// Every byte with which a match may begin.
    pub(crate) fn starts(&self) -> impl Iterator<Item = u8> {
        let first = self.bytes.first().copied();
        let escapes: &[u8] = match (self.encoded, first) {
            (true, Some(b' ')) => b"%\\+",
            (true, Some(_)) => b"%\\",
            _ => b"",
        };
        first.into_iter().chain(escapes.iter().copied())
    }

    /// Looks for the needle at `start`, and only there.
    pub(crate) fn at(&self, text: &[u8], start: usize) -> Match {
        let mut end = start;
        for (index, &byte) in self.bytes.iter().enumerate() {
            let Some(rest) = text.get(end..).filter(|rest| !rest.is_empty()) else {
                return Match::UNDECIDED;
            };
            end += match (rest.first() == Some(&byte), self.escape(rest, byte)) {
                (true, Escape::No) => 1,
                (false, Escape::Yes(length)) => length,
                (false, Escape::No) => return Match::NO,
                (false, Escape::Undecided) => return Match::UNDECIDED,
                (true, Escape::Yes(_) | Escape::Undecided) => {
                    return self.branching(text, index, end);
                }
            };
        }
        Match {
            until: (end > start).then_some(end),
            undecided: false,
        }
    }

    /// The same from the byte `index` on, where the text can be read in two ways: the needle itself holds `%` or `\`.
    fn branching(&self, text: &[u8], index: usize, start: usize) -> Match {
        let mut ends = vec![start];
        let mut undecided = false;
        for &byte in self.bytes.iter().skip(index) {
            let mut next = Vec::new();
            for &end in &ends {
                let rest = text.get(end..).unwrap_or_default();
                if rest.first() == Some(&byte) {
                    next.push(end + 1);
                }
                match self.escape(rest, byte) {
                    Escape::Yes(length) => next.push(end + length),
                    Escape::No => undecided |= rest.is_empty(),
                    Escape::Undecided => undecided = true,
                }
            }
            next.sort_unstable();
            next.dedup();
            ends = next;
        }
        Match {
            until: ends.last().copied(),
            undecided,
        }
    }

    /// Whether `rest` begins with an escape that stands for `byte`.
    fn escape(&self, rest: &[u8], byte: u8) -> Escape {
        if !self.encoded {
            return Escape::No;
        }
        match (rest.first(), rest.get(1)) {
            (Some(b'+'), _) if byte == b' ' => Escape::Yes(1),
            (Some(b'%'), _) => hex_escape(rest, 1, &[byte >> 4, byte & 15]),
            (Some(b'\\'), None) => Escape::Undecided,
            (Some(b'\\'), Some(b'u')) => hex_escape(rest, 2, &[0, 0, byte >> 4, byte & 15]),
            (Some(b'\\'), Some(&escaped)) if json_escape(escaped) == Some(byte) => Escape::Yes(2),
            _ => Escape::No,
        }
    }
}

/// Compares hexadecimal digits from `skip` on.
fn hex_escape(text: &[u8], skip: usize, digits: &[u8]) -> Escape {
    for (index, &digit) in digits.iter().enumerate() {
        match text.get(skip + index) {
            None => return Escape::Undecided,
            Some(&found) => {
                if char::from(found).to_digit(16) != Some(u32::from(digit)) {
                    return Escape::No;
                }
            }
        }
    }
    Escape::Yes(skip + digits.len())
}

/// What the character after a backslash means in JSON.
fn json_escape(escaped: u8) -> Option<u8> {
    match escaped {
        b'"' | b'\\' | b'/' => Some(escaped),
        b'b' => Some(8),
        b'f' => Some(12),
        b'n' => Some(b'\n'),
        b'r' => Some(b'\r'),
        b't' => Some(b'\t'),
        _ => None,
    }
}
