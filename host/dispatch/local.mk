# host/dispatch: its library joins here.
