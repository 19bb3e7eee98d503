//! Problems with a known answer, made from a seed: strings to reverse or to sort, numbers to add.

use crate::encoder_decoder::words::MARKS;
use glassbox_tensor::random::Key;
use std::collections::BTreeSet;

/// What is to be done.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Exercise {
    /// `hello` → `olleh`.
    Reverse,
    /// `123+456` → `579`.
    Add,
    /// `hello` → `ehllo`.
    Sort,
}

/// Which problems: a tenth of all is held out, by a hash of the question, so that no problem is in both parts.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Part {
    /// To learn from.
    Train,
    /// To be judged by.
    HeldOut,
}

/// An exercise with its sizes: it makes problems, knows their answers, and spells them in words.
///
/// ```
/// use glassbox_tensor::random::Key;
/// use glassbox_transformer::{Exercise, Part, Task};
/// let task = Task { exercise: Exercise::Add, longest: 3, split: Key::new(0) };
/// assert_eq!(task.answer("123+456").unwrap(), "579");
/// let question = task.question(Part::Train, Key::new(1));
/// assert_eq!(task.part(&question), Part::Train);
/// ```
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Task {
    /// What is to be done.
    pub exercise: Exercise,
    /// The most letters of a string, or digits of each of the two numbers.
    pub longest: usize,
    /// What the parts are drawn by.
    pub split: Key,
}

/// One problem of so many is held out.
const HELD_OUT: u32 = 10;

impl Task {
    /// The letters of questions and answers, in the order of their words.
    pub fn alphabet(&self) -> &'static str {
        match self.exercise {
            Exercise::Reverse | Exercise::Sort => "abcdefghijklmnopqrstuvwxyz",
            Exercise::Add => "0123456789+",
        }
    }

    /// V: the letters and the words that are none.
    pub fn words(&self) -> usize {
        MARKS + self.alphabet().len()
    }

    /// The most words of a question, or of an answer with one for its beginning or end.
    pub fn positions(&self) -> usize {
        match self.exercise {
            Exercise::Reverse | Exercise::Sort => self.longest + 1,
            Exercise::Add => 2 * self.longest + 2,
        }
    }

    /// The part of a question: the same for the same split, whatever was asked before.
    pub fn part(&self, question: &str) -> Part {
        let hash = question.bytes().fold(self.split, |key, byte| key.fold(byte.into()));
        if hash.below(0, HELD_OUT) == 0 { Part::HeldOut } else { Part::Train }
    }

    /// A question of that part. Every length is as likely as any other.
    ///
    /// # Panics
    /// If none is found in 100,000 draws: strings of one letter are so few that the part may be empty.
    #[track_caller]
    pub fn question(&self, part: Part, key: Key) -> String {
        let mut drawn = (0..100_000).map(|attempt| self.draw(key.fold(attempt)));
        drawn.find(|question| self.part(question) == part).expect("each part has a question")
    }

    fn draw(&self, key: Key) -> String {
        let length = |i: u64| 1 + key.below(i, self.longest as u32) as usize;
        match self.exercise {
            Exercise::Reverse | Exercise::Sort => {
                let letters = self.alphabet().as_bytes();
                let letter = |i: u64| letters[key.fold(1).below(i, letters.len() as u32) as usize] as char;
                (0..length(0) as u64).map(letter).collect()
            }
            Exercise::Add => {
                let number = |i: u64| {
                    let digits = length(i) as u64;
                    let least = |at| u32::from(at == 0 && digits > 1); // a number of several digits begins with no 0
                    let digit = |at| least(at) + key.fold(1 + i).below(at, 10 - least(at));
                    (0..digits).map(|at| digit(at).to_string()).collect::<String>()
                };
                format!("{}+{}", number(0), number(1))
            }
        }
    }

    /// So many different held-out questions, or fewer if they are hard to find because there are few.
    pub fn held_out(&self, count: usize, key: Key) -> Vec<String> {
        let (mut seen, mut all) = (BTreeSet::new(), Vec::new());
        for attempt in 0..4 * count as u64 {
            let question = self.question(Part::HeldOut, key.fold(attempt));
            if all.len() < count && seen.insert(question.clone()) {
                all.push(question);
            }
        }
        all
    }

    /// The answer, by the rules of the exercise.
    ///
    /// # Errors
    /// A sentence if that is no question of this exercise.
    pub fn answer(&self, question: &str) -> Result<String, String> {
        self.check(question)?;
        let mut letters: Vec<char> = question.chars().collect();
        match self.exercise {
            Exercise::Reverse => letters.reverse(),
            Exercise::Sort => letters.sort_unstable(),
            Exercise::Add => return Ok(sum(question)),
        }
        Ok(letters.into_iter().collect())
    }

    fn check(&self, question: &str) -> Result<(), String> {
        let longest = self.longest;
        match self.exercise {
            Exercise::Reverse | Exercise::Sort => {
                let fits = (1..=longest).contains(&question.len()) && question.bytes().all(|b| b.is_ascii_lowercase());
                let problem = || {
                    format!(
                        "{question:?} is no question of this model, which was trained on 1 to {longest} letters from a to z; \
                             give it such a word"
                    )
                };
                fits.then_some(()).ok_or_else(problem)
            }
            Exercise::Add => {
                let number = |digits: &str| {
                    (1..=longest).contains(&digits.len())
                        && digits.bytes().all(|b| b.is_ascii_digit())
                        && (digits == "0" || !digits.starts_with('0'))
                };
                let fits = question.split_once('+').is_some_and(|(a, b)| number(a) && number(b));
                let problem = || {
                    format!(
                        "{question:?} is no question of this model, which was trained on sums of two numbers of 1 to {longest} \
                             digits; write it as 12+34"
                    )
                };
                fits.then_some(()).ok_or_else(problem)
            }
        }
    }

    /// A question or an answer in words.
    ///
    /// # Panics
    /// If it has other letters.
    #[track_caller]
    pub fn encode(&self, text: &str) -> Vec<u32> {
        let word = |letter| self.alphabet().find(letter).expect("a letter of the alphabet");
        text.chars().map(|letter| (MARKS + word(letter)) as u32).collect()
    }

    /// The letters of words; of one that is none, a question mark.
    pub fn decode(&self, words: &[u32]) -> String {
        let letters = self.alphabet().as_bytes();
        let letter = |&word: &u32| (word as usize).checked_sub(MARKS).map_or('?', |i| letters[i] as char);
        words.iter().map(letter).collect()
    }
}

/// The sum as one adds by hand: numbers may be longer than any integer type.
fn sum(question: &str) -> String {
    let (a, b) = question.split_once('+').expect("checked");
    let digits = |number: &str| number.bytes().rev().map(|b| b - b'0').collect::<Vec<u8>>();
    let (a, b) = (digits(a), digits(b));
    let (mut carry, mut reversed) = (0, String::new());
    for i in 0..a.len().max(b.len()) {
        let column = a.get(i).unwrap_or(&0) + b.get(i).unwrap_or(&0) + carry;
        reversed.push((b'0' + column % 10) as char);
        carry = column / 10;
    }
    if carry > 0 {
        reversed.push('1');
    }
    reversed.chars().rev().collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn task(exercise: Exercise, longest: usize) -> Task {
        Task { exercise, longest, split: Key::new(3) }
    }

    #[test]
    fn answers_are_those_of_the_exercise() {
        let answer = |exercise, question: &str| task(exercise, 20).answer(question);
        assert_eq!(answer(Exercise::Reverse, "hello").unwrap(), "olleh");
        assert_eq!(answer(Exercise::Sort, "banana").unwrap(), "aaabnn");
        for (a, b) in [(0u64, 0u64), (999, 1), (5, 95), (123, 456), (18_446_744_073_709_551, 999)] {
            assert_eq!(answer(Exercise::Add, &format!("{a}+{b}")).unwrap(), (a + b).to_string());
        }
    }

    #[test]
    fn what_is_no_question_is_refused() {
        for question in ["", "Hello", "a b", "abcd", "ä"] {
            assert!(task(Exercise::Sort, 3).answer(question).is_err(), "{question:?}");
        }
        for question in ["", "12", "1+2+3", "+1", "1+", "1234+1", "01+2", "-1+2", "1 + 2", "a+b"] {
            assert!(task(Exercise::Add, 3).answer(question).is_err(), "{question:?}");
        }
        let said = task(Exercise::Add, 3).answer("1-1").unwrap_err();
        assert!(said.contains("\"1-1\"") && said.ends_with("write it as 12+34"), "{said}");
    }

    #[test]
    fn no_problem_is_in_both_parts_and_a_tenth_is_held_out() {
        for (exercise, longest) in [(Exercise::Reverse, 4), (Exercise::Sort, 4), (Exercise::Add, 3)] {
            let task = task(exercise, longest);
            let learned: BTreeSet<String> = (0..3000).map(|i| task.question(Part::Train, Key::new(i))).collect();
            let held_out = task.held_out(300, Key::new(9));
            assert!(held_out.iter().all(|question| !learned.contains(question)));
            assert_eq!(held_out.iter().collect::<BTreeSet<_>>().len(), 300, "{exercise:?}: all different");
            let drawn = (0..3000).filter(|&i| task.part(&task.draw(Key::new(i))) == Part::HeldOut).count();
            assert!((210..390).contains(&drawn), "{exercise:?}: {drawn} of 3000"); // 300 ± 5 standard deviations
            for question in learned.iter().chain(&held_out) {
                let answer = task.answer(question).unwrap();
                assert_eq!(task.decode(&task.encode(question)), *question);
                assert!(question.len() < task.positions() && answer.len() < task.positions());
            }
        }
    }

    #[test]
    fn other_seeds_hold_out_others() {
        let [one, two] = [1, 2].map(|seed| Task { split: Key::new(seed), ..task(Exercise::Add, 2) });
        let questions: Vec<String> = (0..200).map(|i| one.draw(Key::new(i))).collect();
        assert!(questions.iter().any(|question| one.part(question) != two.part(question)));
    }
}
