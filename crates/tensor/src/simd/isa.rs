//! Which instruction set runs: detected, forced by `GLASSBOX_ISA`, or overridden for one thread by a test.

use super::{Kernel, Scalar, Simd};
use std::cell::Cell;
use std::fmt;
use std::sync::OnceLock;

/// An instruction set that kernels are compiled for, from the narrowest to the widest.
///
/// ```
/// use glassbox_tensor::{Tensor, random::Key, simd::Isa};
/// let x = Tensor::rand([100], Key::new(1));
/// for isa in Isa::available() {
///     assert_eq!(isa.with(|| Tensor::rand([100], Key::new(1))), x); // random numbers are the same bit for bit
/// }
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Isa {
    /// One lane, plain Rust arithmetic: the specification and the fallback.
    Scalar,
    /// 64-bit ARM with NEON: 4 lanes, 32 registers.
    Neon,
    /// x86-64 with AVX2 and FMA: 8 lanes, 16 registers.
    Avx2,
    /// x86-64 with AVX-512 F, BW, DQ and VL: 16 lanes, 32 registers.
    Avx512,
}

/// Why a wish for an instruction set can't be met.
///
/// ```
/// use glassbox_tensor::simd::Isa;
/// let error = Isa::parse("mmx").unwrap_err().to_string();
/// assert!(error.starts_with("GLASSBOX_ISA=mmx: no such instruction set; this machine has scalar"));
/// ```
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct IsaError(String);

impl fmt::Display for IsaError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl std::error::Error for IsaError {}

thread_local! {
    static OVERRIDE: Cell<Option<Isa>> = const { Cell::new(None) };
}

impl Isa {
    /// Every instruction set that kernels are written for, on whatever machine.
    pub const ALL: [Isa; 4] = [Isa::Scalar, Isa::Neon, Isa::Avx2, Isa::Avx512];

    /// The name that `GLASSBOX_ISA` knows it by.
    ///
    /// ```
    /// assert_eq!(glassbox_tensor::simd::Isa::Avx2.name(), "avx2");
    /// ```
    pub fn name(self) -> &'static str {
        match self {
            Isa::Scalar => "scalar",
            Isa::Neon => "neon",
            Isa::Avx2 => "avx2",
            Isa::Avx512 => "avx512",
        }
    }

    /// f32 in one vector.
    ///
    /// ```
    /// assert_eq!(glassbox_tensor::simd::Isa::Avx512.lanes(), 16);
    /// ```
    pub fn lanes(self) -> usize {
        match self {
            Isa::Scalar => Scalar::LANES,
            Isa::Neon => 4,
            Isa::Avx2 => 8,
            Isa::Avx512 => 16,
        }
    }

    /// Whether this machine has it.
    ///
    /// ```
    /// assert!(glassbox_tensor::simd::Isa::Scalar.is_available()); // everywhere
    /// ```
    pub fn is_available(self) -> bool {
        match self {
            Isa::Scalar => true,
            #[cfg(target_arch = "aarch64")]
            Isa::Neon => super::aarch64::Neon::detect().is_some(),
            #[cfg(target_arch = "x86_64")]
            Isa::Avx2 => super::x86::Avx2::detect().is_some(),
            #[cfg(target_arch = "x86_64")]
            Isa::Avx512 => super::x86::Avx512::detect().is_some(),
            _ => false, // of another architecture
        }
    }

    /// What this machine has, from the narrowest to the widest; never empty.
    ///
    /// ```
    /// use glassbox_tensor::simd::Isa;
    /// assert!(Isa::available().contains(&Isa::current()));
    /// ```
    pub fn available() -> Vec<Isa> {
        Self::ALL.into_iter().filter(|isa| isa.is_available()).collect()
    }

    /// Reads a name such as `avx2`.
    ///
    /// ```
    /// use glassbox_tensor::simd::Isa;
    /// assert_eq!(Isa::parse("scalar"), Ok(Isa::Scalar));
    /// assert!(Isa::parse("mmx").is_err());
    /// ```
    ///
    /// # Errors
    /// For a name that is not known, and for an instruction set that this machine lacks.
    pub fn parse(name: &str) -> Result<Isa, IsaError> {
        let here = || Self::available().iter().map(|isa| isa.name()).collect::<Vec<_>>().join(", ");
        match Self::ALL.into_iter().find(|isa| isa.name() == name.to_ascii_lowercase()) {
            Some(isa) if isa.is_available() => Ok(isa),
            Some(isa) => {
                Err(IsaError(format!("GLASSBOX_ISA={}: this machine lacks it; it has {}", isa.name(), here())))
            }
            None => Err(IsaError(format!("GLASSBOX_ISA={name}: no such instruction set; this machine has {}", here()))),
        }
    }

    /// What `GLASSBOX_ISA` asks for, or else the widest that this machine has. A program calls this once at its start to
    /// turn a mistake into a message.
    ///
    /// ```
    /// let isa = glassbox_tensor::simd::Isa::from_env().expect("GLASSBOX_ISA is not set, or to what is there");
    /// assert!(isa.is_available());
    /// ```
    ///
    /// # Errors
    /// As [`parse`](Self::parse).
    pub fn from_env() -> Result<Isa, IsaError> {
        static CHOICE: OnceLock<Result<Isa, IsaError>> = OnceLock::new();
        CHOICE
            .get_or_init(|| match std::env::var("GLASSBOX_ISA") {
                Ok(name) if !name.is_empty() => Self::parse(&name),
                _ => Ok(*Self::available().last().expect("scalar is always available")),
            })
            .clone()
    }

    /// The instruction set that the next operation on this thread uses.
    ///
    /// ```
    /// assert!(glassbox_tensor::simd::Isa::current().is_available());
    /// ```
    ///
    /// # Panics
    /// When `GLASSBOX_ISA` asks for what isn't there; [`from_env`](Self::from_env) reports that as an error.
    pub fn current() -> Isa {
        OVERRIDE.get().unwrap_or_else(|| Self::from_env().unwrap_or_else(|error| panic!("{error}")))
    }

    /// Runs `f` with `self` as this thread's choice. For tests and benches that compare instruction sets.
    ///
    /// ```
    /// use glassbox_tensor::simd::Isa;
    /// use glassbox_tensor::tensor;
    /// let x = tensor![1., 2., 3.];
    /// let slow = Isa::Scalar.with(|| x.sum_all());
    /// assert_eq!(slow, x.sum_all()); // whole numbers are exact on every instruction set
    /// ```
    ///
    /// # Panics
    /// When this machine lacks it.
    pub fn with<R>(self, f: impl FnOnce() -> R) -> R {
        struct Restore(Option<Isa>);
        impl Drop for Restore {
            fn drop(&mut self) {
                OVERRIDE.set(self.0);
            }
        }
        assert!(self.is_available(), "Isa::with: this machine lacks {}", self.name());
        let _restore = Restore(OVERRIDE.replace(Some(self)));
        f()
    }

    /// Runs `kernel` compiled for this instruction set.
    ///
    /// ```
    /// use glassbox_tensor::simd::{Isa, Kernel, Simd};
    /// struct Width;
    /// impl Kernel for Width {
    ///     type Out = usize;
    ///     #[inline(always)]
    ///     fn run<S: Simd>(self, _: S) -> usize {
    ///         S::LANES
    ///     }
    /// }
    /// assert_eq!(Isa::current().dispatch(Width), Isa::current().lanes());
    /// ```
    ///
    /// # Panics
    /// When this machine lacks it.
    #[inline]
    pub fn dispatch<K: Kernel>(self, kernel: K) -> K::Out {
        match self {
            Isa::Scalar => Scalar.enter(kernel),
            #[cfg(target_arch = "aarch64")]
            Isa::Neon => super::aarch64::Neon::detect().expect("NEON was available").enter(kernel),
            #[cfg(target_arch = "x86_64")]
            Isa::Avx2 => super::x86::Avx2::detect().expect("AVX2 was available").enter(kernel),
            #[cfg(target_arch = "x86_64")]
            Isa::Avx512 => super::x86::Avx512::detect().expect("AVX-512 was available").enter(kernel),
            other => panic!("Isa::dispatch: {} is of another architecture than this machine", other.name()),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_missing_or_unknown_instruction_set_is_a_clear_error() {
        let error = Isa::parse("sse9").unwrap_err().to_string();
        assert!(error.starts_with("GLASSBOX_ISA=sse9: no such instruction set; this machine has scalar"), "{error}");
        for isa in Isa::ALL {
            match Isa::parse(isa.name()) {
                Ok(parsed) => assert_eq!(parsed, isa),
                Err(error) => assert!(error.to_string().contains("this machine lacks it"), "{error}"),
            }
        }
    }

    #[test]
    fn an_override_ends_with_its_scope() {
        let before = Isa::current();
        Isa::Scalar.with(|| assert_eq!(Isa::current(), Isa::Scalar));
        assert_eq!(Isa::current(), before);
    }
}
