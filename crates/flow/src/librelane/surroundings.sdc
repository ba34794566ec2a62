
# What LibreLane assumes of every design, from its configuration.
set_max_fanout $::env(MAX_FANOUT_CONSTRAINT) [current_design]
foreach {name command} {MAX_TRANSITION_CONSTRAINT set_max_transition MAX_CAPACITANCE_CONSTRAINT set_max_capacitance} {
    if { [info exists ::env($name)] } {
        $command $::env($name) [current_design]
    }
}
set driver [split $::env(SYNTH_DRIVING_CELL) "/"]
set_driving_cell -lib_cell [lindex $driver 0] -pin [lindex $driver 1] [all_inputs]
set_load [expr $::env(OUTPUT_CAP_LOAD) / 1000.0] [all_outputs]
set_clock_uncertainty $::env(CLOCK_UNCERTAINTY_CONSTRAINT) [all_clocks]
set_clock_transition $::env(CLOCK_TRANSITION_CONSTRAINT) [all_clocks]
set_timing_derate -early [expr 1.0 - $::env(TIME_DERATING_CONSTRAINT) / 100.0]
set_timing_derate -late [expr 1.0 + $::env(TIME_DERATING_CONSTRAINT) / 100.0]
if { [info exists ::env(OPENLANE_SDC_IDEAL_CLOCKS)] && $::env(OPENLANE_SDC_IDEAL_CLOCKS) } {
    unset_propagated_clock [all_clocks]
} else {
    set_propagated_clock [all_clocks]
}
