--- Flow in Neovim. `setup` is needed only to change a setting or to have code actions, lenses and
--- diagnostics in every file; `:Flow` works without it.
local M = {}

---@class flow.Options
---@field cmd? string[] How the daemon is reached: a program that speaks to it over stdio.
---@field socket? string Path of the daemon's socket, to speak to it without that program.
---@field attach? fun(buffer: integer): boolean Whether the daemon is told of this buffer.

local LARGEST_FILE = 1024 * 1024 -- bytes; what is written by hand is smaller

---@type flow.Options
M.options = {
  cmd = { "flowd", "--stdio" },
  socket = nil,
  attach = function(buffer)
    local size = vim.api.nvim_buf_get_offset(buffer, vim.api.nvim_buf_line_count(buffer))
    return vim.bo[buffer].buftype == "" and size <= LARGEST_FILE
  end,
}

--- Change settings, and let the daemon look at every ordinary buffer from now on.
---@param options? flow.Options
function M.setup(options)
  options = options or {}
  vim.validate("cmd", options.cmd, "table", true)
  vim.validate("socket", options.socket, "string", true)
  vim.validate("attach", options.attach, "function", true)
  M.options = vim.tbl_extend("force", M.options, options)

  local client = require("flow.client")
  local function attach(buffer)
    if vim.api.nvim_buf_is_loaded(buffer) and M.options.attach(buffer) then
      client.attach(buffer)
    end
  end
  local group = vim.api.nvim_create_augroup("flow", { clear = true })
  vim.api.nvim_create_autocmd({ "BufReadPost", "BufNewFile" }, {
    group = group,
    callback = function(event)
      attach(event.buf)
    end,
  })
  vim.api.nvim_create_autocmd({ "LspAttach", "BufEnter", "InsertLeave" }, {
    group = group,
    pattern = { "*.flow.yaml", "*.flow.yml" },
    callback = function(event)
      client.show_lenses(event.buf)
    end,
  })
  for _, buffer in ipairs(vim.api.nvim_list_bufs()) do
    if vim.api.nvim_buf_get_name(buffer) ~= "" then
      attach(buffer)
    end
  end
end

return M
