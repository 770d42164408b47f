// The package's own entry fails in Node's ESM; its rolled-up module works but carries no declaration.
declare module 'wgsl_reflect/wgsl_reflect.module.js' {
  export * from 'wgsl_reflect'
}
