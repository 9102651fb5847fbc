(package_declaration (_) @name) @definition.module
(class_declaration name: (_) @name body: (_) @body) @definition.class
(record_declaration name: (_) @name body: (_) @body) @definition.class
(interface_declaration name: (_) @name body: (_) @body) @definition.interface
(annotation_type_declaration name: (_) @name body: (_) @body) @definition.interface
(enum_declaration name: (_) @name body: (_) @body) @definition.enum
(method_declaration name: (_) @name body: (_) @body) @definition.method
(method_declaration name: (_) @name) @definition.method
(constructor_declaration name: (_) @name body: (_) @body) @definition.method
(compact_constructor_declaration name: (_) @name body: (_) @body) @definition.method
(annotation_type_element_declaration name: (_) @name) @definition.method
(field_declaration declarator: (variable_declarator name: (_) @name)) @definition.field
(constant_declaration declarator: (variable_declarator name: (_) @name)) @definition.field
(enum_constant name: (_) @name body: (_) @body) @definition.field
(enum_constant name: (_) @name) @definition.field
(record_declaration parameters: (formal_parameters (formal_parameter name: (_) @name) @definition.field))

(method_invocation name: (_) @reference.call)
(method_reference (identifier) @reference.other .)
(type_identifier) @reference.type
(annotation name: (identifier) @reference.type)
(marker_annotation name: (identifier) @reference.type)
(argument_list (field_access field: (_) @reference.other))

(import_declaration) @import
