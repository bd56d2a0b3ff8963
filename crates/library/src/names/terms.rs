//! Sorted texts with their lists of numbers, packed: hundreds of thousands of names in a few allocations.

use std::collections::HashMap;

/// Texts in order, each with a list of numbers. Immutable.
#[derive(Clone, Debug, Default)]
pub(super) struct Terms {
    text: String,
    ends: Vec<u32>,
    list_ends: Vec<u32>,
    numbers: Vec<u32>,
}

impl Terms {
    /// From pairs in any order.
    pub(super) fn new(mut pairs: Vec<(String, u32)>) -> Self {
        pairs.sort_unstable();
        pairs.dedup();
        let mut terms = Self { numbers: Vec::with_capacity(pairs.len()), ..Self::default() };
        let mut open: Option<String> = None;
        for (text, number) in pairs {
            if open.as_ref() != Some(&text) {
                terms.close(open.take());
                open = Some(text);
            }
            terms.numbers.push(number);
        }
        terms.close(open);
        terms.text.shrink_to_fit();
        terms
    }

    fn close(&mut self, open: Option<String>) {
        if let Some(text) = open {
            self.text.push_str(&text);
            // A catalogue's names are far below 4 GiB.
            self.ends.push(u32::try_from(self.text.len()).unwrap_or(u32::MAX));
            self.list_ends.push(u32::try_from(self.numbers.len()).unwrap_or(u32::MAX));
        }
    }

    pub(super) fn len(&self) -> usize {
        self.ends.len()
    }

    pub(super) fn text(&self, at: usize) -> &str {
        let start = at.checked_sub(1).and_then(|before| self.ends.get(before)).map_or(0, |end| *end as usize);
        let end = self.ends.get(at).map_or(start, |end| *end as usize);
        self.text.get(start..end).unwrap_or("")
    }

    pub(super) fn numbers(&self, at: usize) -> &[u32] {
        let start = at.checked_sub(1).and_then(|before| self.list_ends.get(before)).map_or(0, |end| *end as usize);
        let end = self.list_ends.get(at).map_or(start, |end| *end as usize);
        self.numbers.get(start..end).unwrap_or(&[])
    }

    /// The first text that is not before this one.
    pub(super) fn from(&self, text: &str) -> usize {
        let (mut low, mut high) = (0, self.len());
        while low < high {
            let middle = low + (high - low) / 2;
            if self.text(middle) < text {
                low = middle + 1;
            } else {
                high = middle;
            }
        }
        low
    }

    pub(super) fn find(&self, text: &str) -> Option<usize> {
        let at = self.from(text);
        (at < self.len() && self.text(at) == text).then_some(at)
    }
}

/// Collects texts with their numbers where few texts stand for many numbers, as the words of descriptions do.
#[derive(Default)]
pub(super) struct Interned {
    known: HashMap<String, u32>,
    pairs: Vec<u64>,
}

impl Interned {
    pub(super) fn push(&mut self, text: String, number: u32) {
        // A catalogue has far fewer words than 2^32.
        let next = u32::try_from(self.known.len()).unwrap_or(u32::MAX);
        let text = *self.known.entry(text).or_insert(next);
        self.pairs.push(u64::from(text) << 32 | u64::from(number));
    }

    pub(super) fn into_terms(mut self) -> Terms {
        self.pairs.sort_unstable();
        self.pairs.dedup();
        let mut texts: Vec<(String, u32)> = self.known.into_iter().collect();
        texts.sort_unstable();
        let mut terms = Terms { numbers: Vec::with_capacity(self.pairs.len()), ..Terms::default() };
        for (text, number) in texts {
            let start = self.pairs.partition_point(|pair| pair >> 32 < u64::from(number));
            let own = self.pairs[start..].iter().take_while(|pair| *pair >> 32 == u64::from(number));
            terms.numbers.extend(own.filter_map(|pair| u32::try_from(pair & u64::from(u32::MAX)).ok()));
            terms.close(Some(text));
        }
        terms
    }
}

/// Parts of three characters of the texts, each with the texts that have it.
#[derive(Clone, Debug, Default)]
pub(super) struct Trigrams {
    grams: Vec<u32>,
    ends: Vec<u32>,
    texts: Vec<u32>,
}

/// The parts of a text, as numbers, each once.
pub(super) fn trigrams(text: &str) -> Vec<u32> {
    let padded: Vec<char> = [' ', ' '].into_iter().chain(text.chars()).chain([' ']).collect();
    // Two parts that share a number only make two names look more alike than they are, before they are compared.
    let number = |three: &[char]| three.iter().fold(0_u32, |sum, c| sum.wrapping_mul(0x9E37_79B1).rotate_left(7) ^ u32::from(*c));
    let mut out: Vec<u32> = padded.windows(3).map(number).collect();
    out.sort_unstable();
    out.dedup();
    out
}

impl Trigrams {
    pub(super) fn new(texts: impl Iterator<Item = (u32, impl AsRef<str>)>) -> Self {
        let mut pairs: Vec<(u32, u32)> = Vec::new();
        for (number, text) in texts {
            pairs.extend(trigrams(text.as_ref()).into_iter().map(|gram| (gram, number)));
        }
        pairs.sort_unstable();
        let mut out = Self { texts: Vec::with_capacity(pairs.len()), ..Self::default() };
        for (gram, text) in pairs {
            if out.grams.last() != Some(&gram) {
                out.grams.push(gram);
                out.ends.push(0);
            }
            out.texts.push(text);
            if let Some(end) = out.ends.last_mut() {
                *end = u32::try_from(out.texts.len()).unwrap_or(u32::MAX);
            }
        }
        out
    }

    pub(super) fn texts(&self, gram: u32) -> &[u32] {
        let Ok(at) = self.grams.binary_search(&gram) else { return &[] };
        let start = at.checked_sub(1).and_then(|before| self.ends.get(before)).map_or(0, |end| *end as usize);
        let end = self.ends.get(at).map_or(start, |end| *end as usize);
        self.texts.get(start..end).unwrap_or(&[])
    }
}
