// The job control is in one state at a time, says nothing while it is idle, is idle after every end of a job, and does not
// stay anywhere for longer than its watchdog allows.
//
// `JOB is the module; `WATCHDOG and `LEAST_DRAIN are its times, `HEADS the most heads; `SETTINGS are further inputs, `PINS their pins. `checking`,
// `watch`, `silence`, `refusal` and `heads_left` are its registers.
module proof (
  input wire clk,
  input wire rst,
  input wire start,
  input wire soft_reset,
  input wire finished,
  input wire quiet,
  input wire activity,
  input wire [31:0] heads,
  input wire [31:0] kv_heads,
  `SETTINGS
);
  wire busy, run, drain, done_set, error_set, go;
  wire [7:0] error_cause;
  `JOB u_dut (
    .clk(clk), .rst(rst), .start(start), .soft_reset(soft_reset), .finished(finished), .quiet(quiet),
    .activity(activity), .heads(heads), .kv_heads(kv_heads), .busy(busy), .run(run), .drain(drain),
    .done_set(done_set), .error_set(error_set), .error_cause(error_cause), .go(go),
    `PINS
  );
  wire checking;
  wire [`WATCH_WIDTH-1:0] watch;
  wire [5:0] silence;
  wire [3:0] refusal;
  wire [`HEAD_WIDTH-1:0] heads_left;

  // The registers keep the settings of a running job.
  reg [31:0] kept;
  always @(posedge clk) if (!busy) kept <= kv_heads;
  always @* if (busy) assume (kv_heads == kept);

  // The cycle before, and for how many cycles nothing has happened.
  reg was_done, was_error, was_go, was_drain, was_reset;
  reg [5:0] calm;
  reg [31:0] still_run, still_drain;
  always @(posedge clk) begin
    {was_done, was_error, was_go, was_drain, was_reset} <= {done_set, error_set, go, drain, soft_reset} & {5{!rst}};
    calm <= drain & quiet & !rst ? calm + 6'd1 : 6'd0;
    still_run <= run & !activity & !rst ? still_run + 1 : 0;
    still_drain <= drain & !activity & !rst ? still_drain + 1 : 0;
  end

  // Nothing holds before the first reset.
  reg begun = 1'b0;
  always @(posedge clk) if (rst) begun <= 1'b1;

  always @* if (begun) begin
    assert ({1'b0, checking} + run + drain <= 2'd1);
    assert (busy == (checking | run | drain));
    if (!busy) assert (!(go | done_set | error_set));
    if (go) assert (checking);
    if (was_go) assert (run);
    if (was_done | was_error) assert (!busy);
    if (was_drain) assert (!(run | checking));
    if (was_reset & !was_drain) assert (drain);
    if (error_set) assert (error_cause != 0);

    // A drain ends after so many quiet cycles.
    if (drain) assert (calm == silence && calm <= `LEAST_DRAIN);

    // The check ends after a subtraction per head; nothing else outlasts the watchdog without a transfer.
    if (checking && refusal != 0) assert (watch == 0);
    if (checking && refusal == 0) assert (kv_heads != 0 && kv_heads <= `HEADS);
    if (checking && refusal == 0) assert (watch + heads_left <= `HEADS);
    if (run | drain) assert (watch <= `WATCHDOG);
    if (run) assert (still_run <= watch);
    if (drain) assert (still_drain <= watch);
  end
endmodule
