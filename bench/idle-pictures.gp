# SPDX-License-Identifier: BSD-3-Clause
#
# Draws one class of traces for idle-pictures.sh, which sets the strings title, output, traces (a file with a block of
# lines "POLLED_PCT LATENCY_US" for each policy) and means (a file with one such line for each), in the order below.
set terminal svg size 680,420 font "Helvetica,13" background "#ffffff" name "idle_policies"
set output output

labels = "oracle best-fixed piecewise asymmetric kvm-halt-poll haltpoll always never isolat"
symbols = "2 8 10 12 4 6 3 1 7"
# Okabe and Ito's, which the colour-blind tell apart too; each policy has a symbol of its own besides.
colours = "#000000 #E69F00 #CC79A7 #56B4E9 #009E73 #D55E00 #7F7F7F #7F7F7F #0072B2"
symbol(i) = int(word(symbols, i))
colour(i) = word(colours, i)
faint(i) = "#80" . substr(colour(i), 2, 7)

set title title noenhanced
set xlabel "CPU burned: polled part of the idle time, %"
set ylabel "latency: mean of a wake-up, µs"
# A little beyond, so that what is on an end stands beside the axes: "never" at 0 %, "always" at 0 µs.
set xrange [-2:102]
set yrange [*:*] noextend
set offsets 0, 0, graph 0.05, graph 0.03
set border 3 lw 0.7
set tics nomirror out scale 0.5
set grid lw 0.5 lc rgb "#dddddd"
set key outside right top Left reverse samplen 1 spacing 1.3 noenhanced

plot for [i=1:9] traces index i-1 with points pt symbol(i) ps 0.5 lw 0.7 lc rgb faint(i) notitle, \
     for [i=1:9] means every ::(i-1)::(i-1) with points pt symbol(i) ps 1.3 lw 2 lc rgb colour(i) title word(labels, i)
