"""Who is timed. A contestant is made for a workload and trains it when told to: `fit(epochs)` gives the last epoch's
mean loss. All shuffle each epoch, weigh every sample, keep the running loss and accuracy in tensors, and train on the
last, smaller batch too."""
