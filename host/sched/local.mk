# host/sched: its library joins here.
