// Winograd F(4, 3) with the points 0, ±√½, ±√2, ∞, whose rounding error is three to six times smaller than that of 0, ±1, ±2, ∞:
//
//   Bᵀ = 1   0  −5/2   0   1  0     G = 1        0      0      Aᵀ = 1  1  1    1   1   0
//        0 −2p   −2    p   1  0         −2/3  −2p/3  −1/3           0  p −p    q  −q   0
//        0  2p   −2   −p   1  0         −2/3   2p/3  −1/3           0  ½  ½    2   2   0
//        0  −p   −½    q   1  0          1/6    q/6   1/3           0 p/2 −p/2 2q −2q  1
//        0   p   −½   −q   1  0          1/6   −q/6   1/3
//        0   1    0  −5/2  0  1          0        0      1          p = √½, q = √2
//
// (Toom–Cook: rows of Bᵀ are the coefficients of Π (x − other points), G divides by their values, Aᵀ has the powers of the points. On the
// choice of points: Alam et al., "Winograd convolution for deep neural networks: efficient point selection", 2022.)
const P = 0.70710678118654752;
const Q = 1.41421356237309505;
