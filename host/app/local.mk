# host/app: its library joins here.
