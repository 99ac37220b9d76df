# tests/bench: joins here.
