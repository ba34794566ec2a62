exp_mul_e8m7_l1.v
