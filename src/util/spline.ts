/**
 * Control points displaced by up to so much of their spacing along each axis leave a uniform cubic B-spline deformation in three
 * dimensions one to one, so that nothing folds: 1 / 2.4795 of Choi and Lee, "Injectivity Conditions of 2D and 3D Uniform Cubic B-Spline
 * Functions" (Graphical Models 62, 2000), rounded down.
 */
export const LARGEST_DISPLACEMENT = 0.4
