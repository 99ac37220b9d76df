# host/kafka: its library joins here.
