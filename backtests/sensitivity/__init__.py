"""Sensitivity: a book under other costs, fills, sizes and stresses; what-ifs on the sessions that it is judged on."""
