# SPDX-License-Identifier: Apache-2.0
# host/ingest: its library joins here.
