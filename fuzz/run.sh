#!/usr/bin/env bash
# Fuzzes one target for some seconds, from its seeds, within the limits that its file states:
#
#     fuzz/run.sh idx 600
#
# Needs cargo-fuzz (`cargo install cargo-fuzz`). A nightly toolchain isn't needed: RUSTC_BOOTSTRAP=1 lets the stable one take the
# flags of the sanitizer. What the fuzzer finds lies in fuzz/artifacts/, its corpus in fuzz/corpus/; neither is committed. Put a
# case that was found into fuzz/seeds/, where a test of the suite reads it from then on.
set -euo pipefail
cd "$(dirname "$0")/.."
target=${1:?which target? there are: $(cd fuzz/fuzz_targets && echo *.rs | sed 's/\.rs//g')}
seconds=${2:-600}
read -ra options <<<"$(sed -n 's|^//! Options: ||p' "fuzz/fuzz_targets/$target.rs")"
mkdir -p "fuzz/corpus/$target"
export RUSTC_BOOTSTRAP=1
exec cargo fuzz run "$target" "fuzz/corpus/$target" "fuzz/seeds/$target" -- \
    "${options[@]}" -max_total_time="$seconds" -print_final_stats=1
