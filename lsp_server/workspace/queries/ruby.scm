(class name: [(constant) @name (scope_resolution name: (_) @name)] body: (_) @body) @definition.class
(class name: [(constant) @name (scope_resolution name: (_) @name)]) @definition.class
(module name: [(constant) @name (scope_resolution name: (_) @name)] body: (_) @body) @definition.module
(module name: [(constant) @name (scope_resolution name: (_) @name)]) @definition.module
(method name: (_) @name body: (_) @body) @definition.function
(method name: (_) @name) @definition.function
(singleton_method name: (_) @name body: (_) @body) @definition.method
(singleton_method name: (_) @name) @definition.method
(alias name: (_) @name) @definition.function
(assignment left: (constant) @name) @definition.variable
(program (assignment left: (global_variable) @name) @definition.variable)
(class body: (body_statement (call
  method: (identifier) @guard
  arguments: (argument_list (simple_symbol) @name)) @definition.field)
  (#set! guard "attr_accessor"))
(class body: (body_statement (call
  method: (identifier) @guard
  arguments: (argument_list (simple_symbol) @name)) @definition.field)
  (#set! guard "attr_reader"))
(class body: (body_statement (call
  method: (identifier) @guard
  arguments: (argument_list (simple_symbol) @name)) @definition.field)
  (#set! guard "attr_writer"))

(call method: [(identifier) @reference.call (constant) @reference.call])
(superclass [(constant) @reference.type (scope_resolution name: (_) @reference.type)])
(call receiver: [(constant) @reference.type (scope_resolution name: (_) @reference.type)])
(argument_list (constant) @reference.type)
(exceptions [(constant) @reference.type (scope_resolution name: (_) @reference.type)])

(call method: (identifier) @guard arguments: (argument_list . (string)) (#set! guard "require")) @import
(call method: (identifier) @guard arguments: (argument_list . (string)) (#set! guard "require_relative")) @import
(call method: (identifier) @guard arguments: (argument_list . (string)) (#set! guard "load")) @import
