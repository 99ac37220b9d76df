# host/commit: its library joins here.
