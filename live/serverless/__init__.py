"""Serverless: one exported model behind HTTP, with numpy and onnxruntime alone."""
