# SPDX-License-Identifier: Apache-2.0
"""The way to AMD Vivado: a project folder with Tcl, and reading Vivado's reports. Not run here."""
