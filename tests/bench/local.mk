# SPDX-License-Identifier: Apache-2.0
# tests/bench: joins here.
