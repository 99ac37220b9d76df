# host/store: its library joins here.
