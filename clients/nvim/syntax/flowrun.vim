if exists("b:current_syntax")
  finish
endif
syntax match flowrunOutput /^\S\+ │ .*/
syntax match flowrunSucceeded /^✓.*/
syntax match flowrunFailed /^✗.*/
syntax match flowrunRunning /^[●↻].*/
syntax match flowrunQuestion /^[?!].*/
syntax match flowrunUndo /^↺.*/
syntax match flowrunSkipped /^–.*/
syntax match flowrunEnd /^■.*/
highlight default link flowrunOutput Normal
highlight default link flowrunSucceeded DiagnosticOk
highlight default link flowrunFailed DiagnosticError
highlight default link flowrunRunning DiagnosticInfo
highlight default link flowrunQuestion DiagnosticWarn
highlight default link flowrunUndo DiagnosticHint
highlight default link flowrunSkipped Comment
highlight default link flowrunEnd Title
let b:current_syntax = "flowrun"
