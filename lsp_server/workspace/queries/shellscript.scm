(function_definition name: (_) @name body: (_) @body) @definition.function
(program (variable_assignment name: (variable_name) @name) @definition.variable)
(program (declaration_command (variable_assignment name: (variable_name) @name)) @definition.variable)

(command name: (command_name (word) @reference.call))

(command
  name: (command_name) @guard
  argument: [(word) (string) (raw_string) (concatenation)]
  (#set! guard "source")) @import
(command
  name: (command_name) @guard
  argument: [(word) (string) (raw_string) (concatenation)]
  (#set! guard ".")) @import
