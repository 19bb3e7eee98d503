//! Which documents are learned from, and which are held out: of our own drawing, or as others published their numbers.
//!
//! Two splits are wanted to the last line, for numbers are compared over them: that of the lectures of nn-zero-to-hero, which
//! shuffles by Python's `random`, and that of makemore.py, by PyTorch's `randperm`. Both draw from the Mersenne Twister
//! (Matsumoto and Nishimura 1998), so it is here, and nobody needs a list of indices beside the data.

use glassbox_tensor::random::Key;

/// How documents are divided.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Split {
    /// A tenth of them is held out, drawn by a key that is always the same, so that runs of all seeds compare.
    Drawn,
    /// The last tenth is held out.
    Last,
    /// As the lectures of nn-zero-to-hero have it: shuffled as by Python's `random.seed(42); random.shuffle(…)`; eight tenths are
    /// learned from, the ninth is held out, and the last is for nobody.
    Lectures,
    /// As makemore.py has it: the last tenth, a thousand at most, of `torch.randperm` after `torch.manual_seed(3407)`.
    Makemore,
}

impl Split {
    /// The words that say it in a setting.
    pub const WORDS: &'static [&'static str] = &["drawn", "last", "lectures", "makemore"];

    /// The split that a word says.
    ///
    /// ```
    /// use glassbox_transformer::Split;
    /// let all = Split::WORDS.iter().map(|word| Split::named(word));
    /// assert!(all.eq([Split::Drawn, Split::Last, Split::Lectures, Split::Makemore].map(Some)));
    /// ```
    pub fn named(word: &str) -> Option<Split> {
        let place = Split::WORDS.iter().position(|&known| known == word)?;
        Some([Split::Drawn, Split::Last, Split::Lectures, Split::Makemore][place])
    }

    /// The places, below n, of the documents to learn from and of those that are held out.
    ///
    /// ```
    /// use glassbox_transformer::Split;
    /// assert_eq!(Split::Last.of(10), ((0..9).collect(), vec![9]));
    /// let [train, test] = [Split::Drawn.of(30).0, Split::Drawn.of(30).1];
    /// assert_eq!((train.len(), test.len()), (27, 3));
    /// ```
    pub fn of(self, n: usize) -> (Vec<u32>, Vec<u32>) {
        let mut order = match self {
            Split::Drawn => Key::new(0).permutation(n),
            Split::Last => (0..n as u32).collect(),
            Split::Lectures => python_shuffle(n, 42),
            Split::Makemore => torch_randperm(n, 3407),
        };
        let (learned, judged) = match self {
            Split::Drawn | Split::Last => (n * 9 / 10, n),
            Split::Lectures => (n * 8 / 10, n * 9 / 10),
            Split::Makemore => (n - (n / 10).min(1000), n),
        };
        order.truncate(judged);
        let test = order.split_off(learned);
        (order, test)
    }
}

/// 0, 1, …, n − 1 as Python has them after `random.seed(seed); random.shuffle(…)`.
fn python_shuffle(n: usize, seed: u32) -> Vec<u32> {
    let mut twister = Twister::of_key(&[seed]);
    let mut order: Vec<u32> = (0..n as u32).collect();
    for i in (1..n).rev() {
        // `randbelow(i + 1)`: as many of the highest bits as i + 1 has, again and again until they are below it
        let bits = usize::BITS - (i + 1).leading_zeros();
        let j = loop {
            let j = (twister.next() >> (32 - bits)) as usize;
            if j <= i {
                break j;
            }
        };
        order.swap(i, j);
    }
    order
}

/// 0, 1, …, n − 1 as PyTorch has them, on a processor, after `torch.manual_seed(seed); torch.randperm(n)`.
fn torch_randperm(n: usize, seed: u32) -> Vec<u32> {
    let mut twister = Twister::of_seed(seed);
    let mut order: Vec<u32> = (0..n as u32).collect();
    for i in 0..n.saturating_sub(1) {
        let j = i + twister.next() as usize % (n - i);
        order.swap(i, j);
    }
    order
}

/// Words of state.
const N: usize = 624;
/// A word is made of the next one and of the one so far on.
const M: usize = 397;

/// MT19937: 624 words, each of which is made anew once all have been given.
struct Twister {
    state: [u32; N],
    given: usize,
}

impl Twister {
    /// `init_genrand` of the authors' code of 2002.
    fn of_seed(seed: u32) -> Twister {
        let mut state = [seed; N];
        for i in 1..N {
            let before = state[i - 1] ^ (state[i - 1] >> 30);
            state[i] = before.wrapping_mul(1_812_433_253).wrapping_add(i as u32);
        }
        Twister { state, given: N }
    }

    /// `init_by_array` of the same: every word of the key gets into every word of the state.
    fn of_key(key: &[u32]) -> Twister {
        let mut twister = Twister::of_seed(19_650_218);
        let state = &mut twister.state;
        let mix = |state: &mut [u32; N], i: usize, factor: u32| {
            let before = state[i - 1] ^ (state[i - 1] >> 30);
            state[i] ^ before.wrapping_mul(factor)
        };
        let mut i = 1;
        let step = |state: &mut [u32; N], i: usize| {
            if i + 1 < N {
                return i + 1;
            }
            state[0] = state[N - 1];
            1
        };
        for k in 0..N.max(key.len()) {
            let j = k % key.len();
            state[i] = mix(state, i, 1_664_525).wrapping_add(key[j]).wrapping_add(j as u32);
            i = step(state, i);
        }
        for _ in 1..N {
            state[i] = mix(state, i, 1_566_083_941).wrapping_sub(i as u32);
            i = step(state, i);
        }
        state[0] = 1 << 31;
        twister
    }

    /// 32 random bits.
    fn next(&mut self) -> u32 {
        if self.given == N {
            for i in 0..N {
                let bits = (self.state[i] & (1 << 31)) | (self.state[(i + 1) % N] & !(1 << 31));
                let turned = if bits & 1 == 1 { (bits >> 1) ^ 0x9908_b0df } else { bits >> 1 };
                self.state[i] = self.state[(i + M) % N] ^ turned;
            }
            self.given = 0;
        }
        let mut word = self.state[self.given];
        self.given += 1;
        word ^= word >> 11;
        word ^= (word << 7) & 0x9d2c_5680;
        word ^= (word << 15) & 0xefc6_0000;
        word ^ (word >> 18)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// C++ says of `std::mt19937`, by its default seed 5489: the 10,000th number is 4123659995.
    #[test]
    fn the_twister_is_that_of_the_standard() {
        let mut twister = Twister::of_seed(5489);
        let last = (0..10_000).map(|_| twister.next()).last();
        assert_eq!(last, Some(4_123_659_995));
    }

    /// What CPython 3 and PyTorch 2 print.
    #[test]
    fn shuffles_are_those_of_python_and_pytorch() {
        assert_eq!(python_shuffle(10, 42), PYTHON);
        assert_eq!(torch_randperm(10, 3407), TORCH);
        assert_eq!((python_shuffle(0, 1), torch_randperm(1, 1)), (vec![], vec![0]));
    }

    #[test]
    fn every_document_is_in_one_part_at_most() {
        for (split, parts) in [
            (Split::Drawn, [90, 10]),
            (Split::Last, [90, 10]),
            (Split::Lectures, [80, 10]),
            (Split::Makemore, [90, 10]),
        ] {
            let (train, test) = split.of(100);
            assert_eq!([train.len(), test.len()], parts, "{split:?}");
            let mut all = [train, test].concat();
            all.sort_unstable();
            all.dedup();
            assert_eq!(all.len(), parts.iter().sum::<usize>(), "{split:?}");
        }
        assert_eq!(Split::Makemore.of(32_033).1.len(), 1000);
    }

    const PYTHON: [u32; 10] = [7, 3, 2, 8, 5, 6, 9, 4, 0, 1];
    const TORCH: [u32; 10] = [9, 1, 5, 7, 3, 2, 8, 6, 4, 0];
}
