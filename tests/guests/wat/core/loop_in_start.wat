;; Loops for ever in a core start function, before any call: the deadline must cover instantiation.
(memory $memory 1)
(func $start (loop $again (br $again)))
(start $start)
(func $profile (result i32) unreachable)
