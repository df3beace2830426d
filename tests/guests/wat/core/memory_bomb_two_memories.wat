;; Grows two memories in `profile` by 1 MiB in turn, each alone under a limit for one memory, until the host refuses both or
;; 1 GiB is granted: the limit must hold for the sum. Answers a failure whose `status` is the number of MiB granted.
;; The memories are in two core modules, so that neither module is odd.
(core module $second
  (memory $memory 0)
  (func (export "grow") (param $pages i32) (result i32) (memory.grow $memory (local.get $pages))))
(core instance $second (instantiate $second))
;; main:
(import "second" "grow" (func $grow-second (param i32) (result i32)))
(memory $memory 1)
(data (i32.const 1024) "MiB granted over two memories are the status")
(func $profile (result i32)
  (local $granted i32)
  (local $before i32)
  (loop $again
    (local.set $before (local.get $granted))
    (if (i32.ne (memory.grow $memory (i32.const 16)) (i32.const -1))
      (then (local.set $granted (i32.add (local.get $granted) (i32.const 1)))))
    (if (i32.ne (call $grow-second (i32.const 16)) (i32.const -1))
      (then (local.set $granted (i32.add (local.get $granted) (i32.const 1)))))
    (br_if $again
      (i32.and
        (i32.ne (local.get $granted) (local.get $before))
        (i32.lt_u (local.get $granted) (i32.const 1024)))))
  (call $report (local.get $granted) (i32.const 1024) (i32.const 44)))
