//! What the times were measured on.

use std::fs;
use std::time::Duration;

/// The machine and the build.
#[derive(Clone, Debug)]
pub struct Machine {
    /// What the processor calls itself; `None` where the system doesn't say.
    pub processor: Option<String>,
    /// Who decides on the frequency of the first processor, such as `performance`; `None` where the system doesn't say, as in
    /// most virtual machines.
    pub governor: Option<String>,
    /// The share of all processors that others used while this process rested; `None` where the system doesn't say.
    pub busy: Option<f64>,
}

/// The compiler that built this program.
pub const RUSTC: &str = env!("GLASSBOX_RUSTC");
/// The commit that it was built from, or `unknown`.
pub const COMMIT: &str = env!("GLASSBOX_COMMIT");

/// Others may use that share of the processors before a warning.
pub const QUIET: f64 = 0.05;
/// How long this process rests to see what others do.
const WINDOW: Duration = Duration::from_millis(400);

impl Machine {
    /// Looks at this machine, for a moment.
    pub fn look() -> Machine {
        Machine { processor: processor(&read("/proc/cpuinfo")), governor: governor(), busy: busy() }
    }

    /// The processor's name for a person.
    pub fn processor(&self) -> &str {
        self.processor.as_deref().unwrap_or("an unknown processor")
    }

    /// What to say if the machine is busy.
    pub fn warning(&self) -> Option<String> {
        let busy = self.busy.filter(|&busy| busy > QUIET)?;
        Some(format!(
            "this machine is busy: others use {:.0} % of its processors, and times will be too long; end what else is running, or \
             wait",
            100.0 * busy
        ))
    }
}

fn read(path: &str) -> String {
    fs::read_to_string(path).unwrap_or_default()
}

/// The first processor's name in Linux's list.
fn processor(cpuinfo: &str) -> Option<String> {
    let value = |key: &str| {
        let mut lines = cpuinfo.lines().filter_map(|line| line.split_once(':'));
        lines.find(|(name, _)| name.trim() == key).map(|(_, value)| value.trim().to_string())
    };
    let arm = || Some(format!("ARM implementer {} part {}", value("CPU implementer")?, value("CPU part")?));
    value("model name").or_else(arm).filter(|name| !name.is_empty())
}

fn governor() -> Option<String> {
    let text = fs::read_to_string("/sys/devices/system/cpu/cpu0/cpufreq/scaling_governor").ok()?;
    Some(text.trim().to_string())
}

/// The share of all processors' time that was used during a pause of this process.
fn busy() -> Option<f64> {
    let before = ticks(&read("/proc/stat"))?;
    std::thread::sleep(WINDOW);
    share(before, ticks(&read("/proc/stat"))?)
}

/// Ticks that all processors were idle, and all ticks.
fn ticks(stat: &str) -> Option<(u64, u64)> {
    let numbers: Vec<u64> =
        stat.lines().next()?.strip_prefix("cpu ")?.split_whitespace().map_while(|n| n.parse().ok()).collect();
    // user nice system idle iowait irq softirq steal; the time of guests is part of the user's
    let all = numbers.iter().take(8).sum();
    Some((numbers.get(3)? + numbers.get(4)?, all))
}

fn share(before: (u64, u64), after: (u64, u64)) -> Option<f64> {
    let (idle, all) = (after.0.saturating_sub(before.0), after.1.saturating_sub(before.1));
    (all > 0).then(|| 1.0 - idle.min(all) as f64 / all as f64)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn processors_are_named_as_the_system_names_them() {
        let x86 = "processor\t: 0\nmodel\t\t: 17\nmodel name\t: AMD EPYC\nprocessor\t: 1\nmodel name\t: other\n";
        assert_eq!(processor(x86).as_deref(), Some("AMD EPYC"));
        let arm = "processor\t: 0\nCPU implementer\t: 0x41\nCPU part\t: 0xd0c\n";
        assert_eq!(processor(arm).as_deref(), Some("ARM implementer 0x41 part 0xd0c"));
        assert_eq!(processor(""), None);
    }

    #[test]
    fn what_others_use_is_what_is_not_idle() {
        let before = ticks("cpu  100 0 50 800 50 0 0 0 7 0\ncpu0 1 2 3\n").unwrap();
        let after = ticks("cpu  130 0 60 850 60 0 0 0 9 0\ncpu0 1 2 3\n").unwrap();
        assert_eq!((before, after), ((850, 1000), (910, 1100)));
        assert!((share(before, after).unwrap() - 0.4).abs() < 1e-12);
        assert_eq!((share(before, before), ticks("intr 1 2 3")), (None, None));
    }

    #[test]
    fn a_busy_machine_is_warned_of() {
        let with = |busy| Machine { processor: None, governor: None, busy }.warning();
        assert!(with(Some(0.5)).unwrap().contains("others use 50 % of its processors"));
        assert_eq!((with(Some(0.01)), with(None)), (None, None));
    }

    #[test]
    fn the_build_knows_its_compiler() {
        assert!(RUSTC.starts_with("rustc ") || RUSTC == "unknown", "{RUSTC}");
        assert!(!COMMIT.is_empty());
    }
}
