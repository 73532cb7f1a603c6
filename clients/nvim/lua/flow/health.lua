--- `:checkhealth flow`
local M = {}

local PATIENCE = 5000 -- milliseconds

function M.check()
  local health = vim.health
  health.start("flow")
  local version = vim.version()
  local shown = ("%d.%d.%d"):format(version.major, version.minor, version.patch)
  if vim.fn.has("nvim-0.11") == 1 then
    health.ok("Neovim is " .. shown)
  else
    health.error("Neovim 0.11 or newer is needed, this is " .. shown)
    return
  end
  local options = require("flow").options
  if options.socket then
    health.info("the daemon's socket is set to " .. options.socket)
    if not vim.uv.fs_stat(options.socket) then
      health.error("there is no such socket", { "start the daemon: flowctl daemon start" })
      return
    end
  elseif vim.fn.executable(options.cmd[1]) == 1 then
    health.ok(options.cmd[1] .. " is " .. vim.fn.exepath(options.cmd[1]))
  else
    health.error(
      options.cmd[1] .. " is not on PATH",
      { "install Flow", 'name it: require("flow").setup({ cmd = { "/path/to/flowd", "--stdio" } })' }
    )
    return
  end
  local status = require("flow.client").request_now("flow/daemon/status", vim.empty_dict(), PATIENCE)
  if status then
    health.ok(("flowd %s answers, process %d"):format(status.version, status.pid))
  else
    health.error("the daemon does not answer", { "flowctl daemon status", "flowctl doctor" })
  end
end

return M
