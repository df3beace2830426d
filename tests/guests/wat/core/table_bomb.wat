;; Grows a table in `profile` by 65,536 elements at a time until the host refuses, at most to 16 Mi elements: the limit on
;; tables must refuse. Answers a failure whose `status` is the number of elements granted, in units of 1,024.
(memory $memory 1)
(table $table 0 funcref)
(data (i32.const 1024) "elements granted, in units of 1,024, are the status")
(func $profile (result i32)
  (loop $again
    (if (i32.and
          (i32.ne (table.grow $table (ref.null func) (i32.const 65536)) (i32.const -1))
          (i32.lt_u (table.size $table) (i32.const 16777216)))
      (then (br $again))))
  (call $report (i32.shr_u (table.size $table) (i32.const 10)) (i32.const 1024) (i32.const 51)))
