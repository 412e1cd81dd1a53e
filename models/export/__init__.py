"""Export: a fitted model as one graph from raw features to expected returns, as ONNX, TorchScript and int8."""
