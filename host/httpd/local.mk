# host/httpd: its library joins here.
