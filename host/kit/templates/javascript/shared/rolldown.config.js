// jco takes one file; what the host provides stays imported.
export default { input: 'component.js', external: /^wasi:/, output: { file: 'bundle.js' } };
