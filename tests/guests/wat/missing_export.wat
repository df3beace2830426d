;; A component without imports or exports: the host must refuse it when it loads it, and say what is missing.
(component)
