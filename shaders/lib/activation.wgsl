// The number type that activations and their gradients are stored in: load with f32(x[i]), store with Activation(value).
alias Activation = $ACTIVATION;
