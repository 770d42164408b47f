// The storage type of activations and their gradients: load with f32(x[i]), store with Activation(value).
alias Activation = $ACTIVATION;
