# host/ingest: its library joins here.
