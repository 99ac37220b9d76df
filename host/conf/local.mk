# host/conf: its library joins here.
