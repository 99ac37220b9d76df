# host/plug: its library joins here.
