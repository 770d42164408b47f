/**
 * Largest displacement of control points along each axis, as a fraction of their spacing, for which a 3D uniform cubic B-spline deformation
 * is injective and does not fold: 1 / 2.4795 (Choi and Lee, "Injectivity Conditions of 2D and 3D Uniform Cubic B-Spline Functions",
 * Graphical Models 62, 2000), rounded down.
 */
export const LARGEST_DISPLACEMENT = 0.4
