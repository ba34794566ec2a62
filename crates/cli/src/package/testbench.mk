# Runs the self-checking testbench of @top@; the last line is PASS or FAIL, and make fails with it.
#   make icarus        make verilator        make lint        VCD=waves.vcd writes waves for GTKWave
TOP     = @top@
RTL_DIR = ../rtl
RTL     = $(addprefix $(RTL_DIR)/,$(shell cat $(RTL_DIR)/$(TOP).f))
ARGS    = $(if $(VCD),+vcd=$(VCD))
CHECK   = awk '{ print } /^PASS/ { ok = 1 } END { exit !ok }'

icarus: build/$(TOP).vvp
	vvp -n $< $(ARGS) | $(CHECK)

build/$(TOP).vvp: tb_$(TOP).v $(RTL)
	mkdir -p build
	iverilog -g2005 -Wall -Wno-timescale -s tb_$(TOP) -o $@ $^

verilator: build/$(TOP)
	build/$(TOP) $(ARGS) | $(CHECK)

build/$(TOP): tb_$(TOP).v $(RTL)
	mkdir -p build
	verilator --binary --timing --trace -Wno-fatal -O3 -Mdir build/verilator -o ../$(TOP) --top-module tb_$(TOP) $^

lint:
	verilator --lint-only -Wall --top-module $(TOP) $(RTL)

clean:
	rm -rf build

.PHONY: icarus verilator lint clean
