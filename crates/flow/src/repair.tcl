# Gives cells on late paths more drive, until no path is late or nothing helps. `larger` maps cells to their next size.

set MOST 2000 ;# late paths looked at together, one for every end
set NEAR 200  ;# that a single change is judged by
set TRIED 12  ;# cells of a path that are tried, the slowest first
set STEPS 10  ;# changes of single cells that have to take a tenth of the lateness away, lest it is given up

proc late {count} {
  return [find_timing_paths -path_delay max -slack_max 0 -group_count $count]
}

proc lateness {paths} {
  set sum 0.0
  foreach path $paths { set sum [expr {$sum - [get_property $path slack]}] }
  return $sum
}

# The cells of a path that have a larger size, the slowest first.
proc slowest {path} {
  global larger
  set last 0.0
  set found {}
  foreach point [get_property $path points] {
    set arrival [get_property $point arrival]
    set name [get_full_name [get_property $point pin]]
    if {[regexp {^(\w+)/} $name -> cell] && [dict exists $larger [kind $cell]]} {
      lappend found [list [expr {$arrival - $last}] $cell]
    }
    set last $arrival
  }
  set cells {}
  foreach pair [lsort -real -decreasing -index 0 $found] {
    set cell [lindex $pair 1]
    if {[lsearch -exact $cells $cell] < 0} { lappend cells $cell }
  }
  return $cells
}

proc kind {cell} {
  return [get_property [get_cells $cell] ref_name]
}

proc become {cell kind} {
  global size
  replace_cell [get_cells $cell] [get_lib_cells */$kind]
  set size($cell) $kind
}

# Of every late path a cell, unless one on it has been taken already: as long as all of them together gain.
proc many {} {
  global MOST larger
  set paths [late $MOST]
  set before [lateness $paths]
  while {[llength $paths]} {
    array unset old
    foreach path $paths {
      set cells [slowest $path]
      set taken 0
      foreach cell $cells { if {[info exists old($cell)]} { set taken 1 } }
      if {!$taken && [llength $cells]} { set old([lindex $cells 0]) [kind [lindex $cells 0]] }
    }
    foreach cell [array names old] { become $cell [dict get $larger $old($cell)] }
    set paths [late $MOST]
    set after [lateness $paths]
    puts "repair: [array size old] cells, [llength $paths] late paths, $after"
    if {$after >= $before} {
      foreach cell [array names old] { become $cell $old($cell) }
      return
    }
    set before $after
  }
}

# The change of one cell of the latest path that gains most, as long as there is one, and an end in sight.
proc single {} {
  global NEAR TRIED STEPS larger
  set history {}
  while {[llength [set paths [late $NEAR]]]} {
    set best [lateness $paths]
    lappend history $best
    if {[llength $history] > $STEPS && $best > 0.9 * [lindex $history end-$STEPS]} return
    set chosen ""
    foreach cell [lrange [slowest [lindex $paths 0]] 0 [expr {$TRIED - 1}]] {
      set was [kind $cell]
      become $cell [dict get $larger $was]
      set after [lateness [late $NEAR]]
      if {$after < $best} { set best $after; set chosen $cell }
      become $cell $was
    }
    puts "repair: $chosen, $best"
    if {$chosen eq ""} return
    become $chosen [dict get $larger [kind $chosen]]
  }
}

many
single

# The netlist as it came, with other sizes.
set in [open mapped.v]
set out [open netlist.v w]
set changes [open resized.txt w]
while {[gets $in line] >= 0} {
  if {[regexp {^  (\S+) (\S+) \($} $line -> kind cell] && [info exists size($cell)] && $size($cell) ne $kind} {
    puts $changes "$kind $size($cell)"
    set line "  $size($cell) $cell ("
  }
  puts $out $line
}
close $in
close $out
close $changes
