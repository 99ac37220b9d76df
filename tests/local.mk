# tests: joins here.
