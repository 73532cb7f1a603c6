--- Let the user pick one of the workflows that the daemon suggests, and open it. Nothing is run.
--- In place of the daemon's own menu, which cannot show what the steps are.
local client = require("flow.client")

local M = {}

local NUMBER_WIDTH = 4 -- of the "12: " that `vim.ui.select` puts before each line
local SHORTEST = 40

--- A suggestion in one line of the screen: its title, then what its steps run.
local function describe(made)
  local steps = vim.tbl_map(function(step)
    return (vim.trim(step.run):gsub("%s*\n%s*", "; "))
  end, made.workflow.steps)
  local asks = made.verdict == "confirm" and "  (asks first)" or ""
  local line = made.title .. asks .. "  │ " .. table.concat(steps, " › ")
  local room = math.max(SHORTEST, vim.o.columns - NUMBER_WIDTH)
  return vim.fn.strdisplaywidth(line) < room and line or vim.fn.strcharpart(line, 0, room - 2) .. "…"
end

--- The daemon turns a suggestion into the edit that makes its file; Neovim makes and shows it.
local function open(made, uri)
  local chosen = { title = made.title, data = { suggestion = made.id, uri = uri } }
  client.with(function(connection)
    client.request("codeAction/resolve", chosen, function(action)
      local edit = action.edit
      local target = edit.changes and next(edit.changes) or edit.documentChanges[1].uri
      vim.lsp.util.apply_workspace_edit(edit, connection.offset_encoding)
      vim.lsp.util.show_document({ uri = target }, connection.offset_encoding)
    end)
  end)
end

local function pick(answer, uri)
  local usable = vim.tbl_filter(function(made)
    return made.verdict ~= "block"
  end, answer.suggestions)
  if #usable == 0 then
    local words = { "Flow: no suggestion" }
    for _, report in ipairs(answer.providers) do
      if type(report.error) == "string" and report.error ~= "" then
        table.insert(words, report.error)
      end
    end
    vim.notify(table.concat(words, "; "))
    return
  end
  vim.ui.select(usable, {
    prompt = "Open which workflow? Nothing is run.",
    format_item = describe,
    kind = "flow-suggestion",
  }, function(made)
    if made then
      open(made, uri)
    end
  end)
end

--- Have workflows suggested and one of them picked.
---@param about { task?: string, uri?: string, range?: lsp.Range } What the daemon's `flow.suggest` takes.
function M.suggest(about)
  vim.api.nvim_echo({ { "Flow: looking for workflows …" } }, false, {})
  local argument = vim.tbl_extend("force", about, { pick = false })
  local params = { command = "flow.suggest", arguments = { argument } }
  client.request("workspace/executeCommand", params, function(answer)
    vim.api.nvim_echo({ { "" } }, false, {})
    pick(answer, about.uri or "")
  end)
end

return M
