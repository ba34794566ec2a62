// A skid buffer is a queue of two: it loses nothing, doubles nothing, and keeps the order.
//
// `SKID is the module, `WIDTH the bits of its payload, `PAYLOAD its pins; `spare` is its second entry.
module proof (
  input wire clk,
  input wire rst,
  input wire in_valid,
  input wire out_ready,
  input wire [`WIDTH-1:0] in_data
);
  wire in_ready, out_valid;
  wire [`WIDTH-1:0] out_data, spare;
  `SKID u_dut (
    .clk(clk), .rst(rst),
    .in_valid(in_valid), .in_ready(in_ready), .out_valid(out_valid), .out_ready(out_ready),
    `PAYLOAD
  );

  // The queue.
  reg [1:0] count;
  reg [`WIDTH-1:0] head, second;
  wire comes = in_valid & in_ready;
  wire goes = out_valid & out_ready;
  always @(posedge clk) begin
    count <= rst ? 2'd0 : count + comes - goes;
    if (goes) head <= count == 2'd2 ? second : in_data;
    else if (count == 2'd0) head <= in_data;
    if (comes) second <= in_data;
  end

  // Nothing holds before the first reset.
  reg begun = 1'b0;
  always @(posedge clk) if (rst) begun <= 1'b1;

  always @* if (begun) begin
    assert (count <= 2'd2);
    assert (in_ready == (count != 2'd2));
    assert (out_valid == (count != 2'd0));
    if (count != 2'd0) assert (out_data == head);
    if (count == 2'd2) assert (spare == second);
  end
endmodule
