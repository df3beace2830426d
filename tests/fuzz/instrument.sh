#!/bin/sh
# Stands between cargo and rustc for the crates of this workspace: coverage for libFuzzer where the parsers are. What
# they are built upon stays as it is, shared with every other build.
case " $* " in
  *" --crate-name loadlock_policy "* | *" --crate-name loadlock_egress "* | *" --crate-name loadlock_sdk "* | *" --crate-name loadlock_server "* | *" --crate-name loadlock_fuzz"*)
    exec "$@" --cfg fuzzing -Cpasses=sancov-module -Cllvm-args=-sanitizer-coverage-level=4 \
      -Cllvm-args=-sanitizer-coverage-inline-8bit-counters -Cllvm-args=-sanitizer-coverage-pc-table \
      -Cllvm-args=-sanitizer-coverage-trace-compares -Ccodegen-units=1 -Copt-level=1 ;;
  *) exec "$@" ;;
esac
