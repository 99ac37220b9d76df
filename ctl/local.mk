# ctl: joins here.
